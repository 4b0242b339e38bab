#pragma once

// Every differentiable op, and the elementwise lambda.
#include "gradus/ops/activation.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/compare.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/index.h"
#include "gradus/ops/lambda.h"
#include "gradus/ops/linalg.h"
#include "gradus/ops/loss.h"
#include "gradus/ops/norm.h"
#include "gradus/ops/random.h"
#include "gradus/ops/reduce.h"
#include "gradus/ops/registry.h"
#include "gradus/ops/shape.h"
