#pragma once

// Optimisers and what goes with them.
#include "gradus/optim/clip.h"
#include "gradus/optim/optimizer.h"
#include "gradus/optim/schedule.h"
