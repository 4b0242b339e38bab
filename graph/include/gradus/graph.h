#pragma once

// The tape: nodes, ops, recording, scopes, and views of a recorded graph.
#include "gradus/graph/analysis.h"
#include "gradus/graph/arg.h"
#include "gradus/graph/dot.h"
#include "gradus/graph/node.h"
#include "gradus/graph/op.h"
#include "gradus/graph/plain_op.h"
#include "gradus/graph/profile.h"
#include "gradus/graph/recording.h"
#include "gradus/graph/saved.h"
#include "gradus/graph/scope.h"
#include "gradus/graph/view.h"
