#include "gradus/ops/registry.h"

#include "kernels.h"

namespace gradus {

std::span<const OpEntry> all_ops() {
  static const std::vector<OpEntry> table = [] {
    std::vector<OpEntry> all;
    for (const auto family :
         {detail::arithmetic_ops(), detail::compare_ops(),  detail::elementwise_ops(),
          detail::function_ops(),   detail::logical_ops(),  detail::relu_ops(),
          detail::activation_ops(), detail::reduce_ops(),   detail::shape_ops(),
          detail::index_ops(),      detail::linalg_ops(),   detail::norm_ops(),
          detail::layer_norm_ops(), detail::loss_ops(),     detail::margin_loss_ops(),
          detail::random_ops(),     detail::scan_ops(),     detail::sort_ops(),
          detail::decompose_ops(),  detail::einsum_ops(),   detail::rearrange_ops(),
          detail::scatter_ops(),    detail::sequence_ops(), detail::conv_ops(),
          detail::patch_ops(),      detail::pool_ops(),     detail::image_ops(),
          detail::gradient_ops(),   detail::grid_ops(),     detail::unpool_ops(),
          detail::distance_ops(),   detail::ctc_ops(),      detail::scatter_reduce_ops(),
          detail::unique_ops(),     detail::rotary_ops(),   detail::special_ops(),
          detail::ternary_ops()})
      all.insert(all.end(), family.begin(), family.end());
    return all;
  }();
  return table;
}

}  // namespace gradus
