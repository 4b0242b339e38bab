#pragma once

// The training loop, its records, what may watch it, and how to stop and go on.
#include "gradus/train/checkpoint.h"
#include "gradus/train/fit.h"
#include "gradus/train/observer.h"
