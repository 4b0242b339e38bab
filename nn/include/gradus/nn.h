#pragma once

// Modules, layers, initialisers, losses, saving.
#include "gradus/nn/activation.h"
#include "gradus/nn/attention.h"
#include "gradus/nn/container.h"
#include "gradus/nn/conv.h"
#include "gradus/nn/functional.h"
#include "gradus/nn/hooks.h"
#include "gradus/nn/init.h"
#include "gradus/nn/layers.h"
#include "gradus/nn/loss.h"
#include "gradus/nn/model_text.h"
#include "gradus/nn/module.h"
#include "gradus/nn/norm.h"
#include "gradus/nn/recurrent.h"
#include "gradus/nn/save.h"
#include "gradus/nn/sequential.h"
#include "gradus/nn/transformer_decoder.h"
