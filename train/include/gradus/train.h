#pragma once

// The training loop, its records, what may watch it, and how to stop and go on; the babysitter.
#include "gradus/train/babysitter.h"
#include "gradus/train/checkpoint.h"
#include "gradus/train/find_rate.h"
#include "gradus/train/finding.h"
#include "gradus/train/fit.h"
#include "gradus/train/observer.h"
#include "gradus/train/rule.h"
