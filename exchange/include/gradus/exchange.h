#pragma once

// Models for other programs, and from them.
#include "gradus/exchange/load_onnx.h"
#include "gradus/exchange/save_onnx.h"
