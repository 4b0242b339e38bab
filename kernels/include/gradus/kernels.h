#pragma once

// Loops over plain numbers: no tape, no op.

#include "gradus/kernels/conv.h"
#include "gradus/kernels/ctc.h"
#include "gradus/kernels/distance.h"
#include "gradus/kernels/elementary.h"
#include "gradus/kernels/gemm.h"
#include "gradus/kernels/index.h"
#include "gradus/kernels/label_loss.h"
#include "gradus/kernels/lines.h"
#include "gradus/kernels/loops.h"
#include "gradus/kernels/modular.h"
#include "gradus/kernels/norm.h"
#include "gradus/kernels/pool.h"
#include "gradus/kernels/random.h"
#include "gradus/kernels/reduce.h"
#include "gradus/kernels/scan.h"
#include "gradus/kernels/select.h"
#include "gradus/kernels/softmax.h"
#include "gradus/kernels/sort.h"
#include "gradus/kernels/sum.h"
#include "gradus/kernels/triple.h"
