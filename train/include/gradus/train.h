#pragma once

// The training loop, its records, what may watch it, how to stop and go on; the babysitter; the search for
// hyper-parameters.

#include "gradus/train/babysitter.h"
#include "gradus/train/checkpoint.h"
#include "gradus/train/cross_validation.h"
#include "gradus/train/find_rate.h"
#include "gradus/train/finding.h"
#include "gradus/train/fit.h"
#include "gradus/train/observer.h"
#include "gradus/train/rule.h"
#include "gradus/train/search.h"
#include "gradus/train/search_results.h"
#include "gradus/train/space.h"
#include "gradus/train/trial_sitter.h"
