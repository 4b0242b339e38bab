#pragma once

// Views of a recorded graph, and what can be learnt from them. For Boost's algorithms there is gradus/inspect/boost.h.
#include "gradus/inspect/analysis.h"
#include "gradus/inspect/dot.h"
#include "gradus/inspect/profile.h"
#include "gradus/inspect/view.h"
