#pragma once

// The tape: nodes, ops, recording, scopes.
#include "gradus/graph/arg.h"
#include "gradus/graph/node.h"
#include "gradus/graph/op.h"
#include "gradus/graph/plain_op.h"
#include "gradus/graph/recording.h"
#include "gradus/graph/saved.h"
#include "gradus/graph/scope.h"
