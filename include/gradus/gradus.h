#pragma once

// All that a model needs. A program that needs less can include the rooms' headers one by one; one that writes
// reports of runs includes <gradus/report.h> beside it, so that functions of others called `report` stay theirs.
#include "gradus/autograd.h"
#include "gradus/data.h"
#include "gradus/exchange.h"
#include "gradus/graph.h"
#include "gradus/inspect.h"
#include "gradus/nn.h"
#include "gradus/ops.h"
#include "gradus/optim.h"
#include "gradus/prelude.h"
#include "gradus/tensor.h"
#include "gradus/train.h"
