#pragma once

// The training loop, its records and what may watch it.
#include "gradus/train/fit.h"
#include "gradus/train/observer.h"
