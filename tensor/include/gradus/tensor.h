#pragma once

// Shapes, element types, strided arrays and random numbers.
#include "gradus/tensor/dtype.h"
#include "gradus/tensor/error.h"
#include "gradus/tensor/memory.h"
#include "gradus/tensor/random.h"
#include "gradus/tensor/runtime.h"
#include "gradus/tensor/shape.h"
#include "gradus/tensor/tensor.h"
#include "gradus/tensor/warning.h"
