#pragma once

// What came of runs and searches: as a page, as JSON, as curves for a paper, as TensorBoard's files.

#include "gradus/report/report.h"
#include "gradus/report/svg.h"
