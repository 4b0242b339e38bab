#pragma once

// Data sets, file readers, preprocessing and the loader.
#include "gradus/data/augment.h"
#include "gradus/data/dataset.h"
#include "gradus/data/generated.h"
#include "gradus/data/loader.h"
#include "gradus/data/npy.h"
#include "gradus/data/preprocess.h"
#include "gradus/data/readers.h"
