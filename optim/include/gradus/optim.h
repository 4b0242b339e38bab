#pragma once

// Optimisers and what goes with them.
#include "gradus/optim/average.h"
#include "gradus/optim/clip.h"
#include "gradus/optim/lbfgs.h"
#include "gradus/optim/optimizer.h"
#include "gradus/optim/save.h"
#include "gradus/optim/schedule.h"
