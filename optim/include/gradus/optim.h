#pragma once

// Optimisers.
#include "gradus/optim/optimizer.h"
