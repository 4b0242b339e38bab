#pragma once

// Models for other programs, and from them.
#include "gradus/exchange/save_onnx.h"
