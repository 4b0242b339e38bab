#pragma once

// Derivatives: backward passes, derivatives as functions, checks of gradients.
#include "gradus/autograd/backward.h"
#include "gradus/autograd/functional.h"
#include "gradus/autograd/gradcheck.h"
