#pragma once

// The backward pass, derivatives as functions, and gradient checks.
#include "gradus/autograd/backward.h"
#include "gradus/autograd/functional.h"
#include "gradus/autograd/gradcheck.h"
