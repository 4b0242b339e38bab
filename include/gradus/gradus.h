#pragma once

// The whole library. A program that needs less can include the rooms' headers one by one.
#include "gradus/autograd.h"
#include "gradus/data.h"
#include "gradus/graph.h"
#include "gradus/inspect.h"
#include "gradus/nn.h"
#include "gradus/ops.h"
#include "gradus/optim.h"
#include "gradus/prelude.h"
#include "gradus/report.h"
#include "gradus/tensor.h"
#include "gradus/train.h"
