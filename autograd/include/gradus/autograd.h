#pragma once

// Derivatives: backward passes, derivatives as functions, checkpoints, recurrences, NaN tracing, checks of gradients.
#include "gradus/autograd/backward.h"
#include "gradus/autograd/checkpoint.h"
#include "gradus/autograd/functional.h"
#include "gradus/autograd/gradcheck.h"
#include "gradus/autograd/nan_guard.h"
#include "gradus/autograd/scan.h"
