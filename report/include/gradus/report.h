#pragma once

// One page about runs that `train::fit` has written.

#include "gradus/report/report.h"
