#include "target.h"

#include "gradus/exchange/load_onnx.h"
#include "gradus/exchange/save_onnx.h"
#include "gradus/nn.h"

namespace gradus::fuzz {
namespace {

template <class M>
std::string saved(const TempFolder& folder, M net, const Tensor& x) {
  nn::save_onnx(net, x, folder.path("seed"));
  return data::read_bytes(folder.path("seed"));
}

// Only what the file says is read: a model that is called takes what its operators ask for.
const Registered kOnnx{{
    .name = "onnx",
    .file = "net.onnx",
    .seeds = [](const TempFolder& folder) -> std::vector<std::string> {
      return {saved(folder, nn::Sequential(nn::Linear(3, 2), nn::BatchNorm(2), nn::ReLU()), zeros({1, 3})),
              saved(folder,
                    nn::Sequential(nn::Conv2d(1, 2, {.kernel = 3, .padding = Padding::same}),
                                   nn::MaxPool2d(2),
                                   nn::Flatten(),
                                   nn::LayerNorm({8})),
                    zeros({1, 1, 4, 4})),
              saved(folder, nn::Sequential(nn::Upsample(2.0), nn::ELU(), nn::Softmax()), zeros({1, 1, 2, 2}))};
    },
    .read = [](const std::string& path) { nn::load_onnx(path); },
    .per_byte = 400,
    .is_told = true,  // operators that are not known
    .words = {"Gemm", "Conv", "BatchNormalization", "Relu", "ai.onnx", "location", "net.onnx", "offset", "length"},
}};

}  // namespace
}  // namespace gradus::fuzz
