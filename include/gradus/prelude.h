#pragma once

#include "gradus/autograd.h"
#include "gradus/data.h"
#include "gradus/exchange.h"
#include "gradus/nn.h"
#include "gradus/ops.h"
#include "gradus/optim.h"

/// The names of daily use, for `using namespace gradus::prelude;`: tensors and the functions of them,
/// derivatives, and the namespaces of layers, optimisers and data. Names that a program is likely to
/// give to something of its own (Generator, Node, Leaf, Error, Arg, Report, train, init, …) are left to
/// it; the library's are `gradus::Generator` and so on.
namespace gradus::prelude {

namespace data = gradus::data;
namespace nn = gradus::nn;
namespace optim = gradus::optim;

using gradus::Approximate, gradus::BagMode, gradus::GridMode, gradus::GridPadding, gradus::Interpolation,
    gradus::PadMode, gradus::Reduction, gradus::ScatterReduce;
using gradus::boolean, gradus::float32, gradus::float64, gradus::int64, gradus::kEnd;
using gradus::Buffer, gradus::Parameter, gradus::NoGrad;
using gradus::DType, gradus::Scanned, gradus::Shape, gradus::Tensor, gradus::Tensors;

// Every op, and what makes tensors and derivatives. tests/cli/prelude.sh says which op is missing.
using gradus::abs, gradus::acos, gradus::acosh, gradus::adaptive_avg_pool1d, gradus::adaptive_avg_pool2d,
    gradus::adaptive_avg_pool3d, gradus::adaptive_max_pool1d, gradus::adaptive_max_pool2d, gradus::adaptive_max_pool3d,
    gradus::add, gradus::addcdiv, gradus::addcmul, gradus::addmm, gradus::affine_grid, gradus::all, gradus::all_close,
    gradus::alpha_dropout, gradus::amax, gradus::amin, gradus::any, gradus::arange, gradus::argmax, gradus::argmin,
    gradus::argsort, gradus::asin, gradus::asinh, gradus::atan, gradus::atan2, gradus::atanh, gradus::attention,
    gradus::avg_pool1d, gradus::avg_pool2d, gradus::avg_pool3d;
using gradus::backward, gradus::baddbmm, gradus::batch_norm, gradus::batch_norm_eval, gradus::bce_loss,
    gradus::bce_with_logits, gradus::bernoulli, gradus::bilinear, gradus::bmm, gradus::broadcast_to;
using gradus::cast, gradus::cdist, gradus::ceil, gradus::celu, gradus::checkpoint, gradus::cholesky, gradus::chunk,
    gradus::clamp, gradus::clip_gradient, gradus::clip_gradient_norm, gradus::clone, gradus::concat, gradus::contiguous,
    gradus::conv1d, gradus::conv2d, gradus::conv3d, gradus::conv_transpose1d, gradus::conv_transpose2d,
    gradus::conv_transpose3d, gradus::cos, gradus::cosh, gradus::cosine_embedding_loss, gradus::cosine_similarity,
    gradus::count_nonzero, gradus::cross, gradus::cross_entropy, gradus::ctc_loss, gradus::cummax, gradus::cummin,
    gradus::cumprod, gradus::cumsum;
using gradus::det, gradus::detach, gradus::diag, gradus::diag_embed, gradus::diagonal, gradus::digamma, gradus::div,
    gradus::domain, gradus::dot, gradus::dropout;
using gradus::eigh, gradus::einsum, gradus::elementwise, gradus::elu, gradus::embedding, gradus::embedding_bag,
    gradus::empty, gradus::empty_like, gradus::equal, gradus::equal_to, gradus::erf, gradus::erfc, gradus::erfinv,
    gradus::exp, gradus::exp2, gradus::expm1, gradus::eye;
using gradus::feature_dropout, gradus::flatten, gradus::flip, gradus::floor, gradus::floor_divide, gradus::fmod,
    gradus::fold, gradus::frac, gradus::from_vector, gradus::full, gradus::full_like;
using gradus::gather, gradus::gaussian_nll_loss, gradus::gelu, gradus::glu, gradus::grad, gradus::gradcheck,
    gradus::gradgradcheck, gradus::gradient, gradus::greater, gradus::greater_equal, gradus::grid_sample,
    gradus::group_norm, gradus::gru;
using gradus::hardshrink, gradus::hardsigmoid, gradus::hardswish, gradus::hardtanh, gradus::hessian,
    gradus::hinge_embedding_loss, gradus::hinge_loss, gradus::huber_loss, gradus::hvp, gradus::hypot;
using gradus::index_add, gradus::index_fill, gradus::index_put, gradus::index_select, gradus::instance_norm,
    gradus::interpolate, gradus::inverse, gradus::is_floating, gradus::is_leaf, gradus::is_recording, gradus::isfinite,
    gradus::isinf, gradus::isnan;
using gradus::jacobian, gradus::jvp;
using gradus::kl_div, gradus::kron, gradus::kthvalue;
using gradus::l1_loss, gradus::layer_norm, gradus::leaf, gradus::leaky_relu, gradus::lerp, gradus::less,
    gradus::less_equal, gradus::lgamma, gradus::linear, gradus::linear_recurrence, gradus::linspace,
    gradus::local_response_norm, gradus::log, gradus::log10, gradus::log1p, gradus::log2, gradus::log_sigmoid,
    gradus::log_softmax, gradus::logaddexp, gradus::logcumsumexp, gradus::logdet, gradus::logical_and,
    gradus::logical_not, gradus::logical_or, gradus::logical_xor, gradus::logit, gradus::logsumexp, gradus::lp_pool1d,
    gradus::lp_pool2d, gradus::lp_pool3d, gradus::lstm, gradus::lstsq;
using gradus::make_op, gradus::manual_seed, gradus::margin_ranking_loss, gradus::masked_fill, gradus::masked_select,
    gradus::matmul, gradus::matrix_exp, gradus::matrix_log, gradus::matrix_power, gradus::matrix_rsqrt,
    gradus::matrix_sqrt, gradus::max, gradus::max_pool1d, gradus::max_pool1d_with_index, gradus::max_pool2d,
    gradus::max_pool2d_with_index, gradus::max_pool3d, gradus::max_pool3d_with_index, gradus::max_unpool1d,
    gradus::max_unpool2d, gradus::max_unpool3d, gradus::max_with_index, gradus::maximum, gradus::maxout, gradus::mean,
    gradus::median, gradus::memory_stats, gradus::meshgrid, gradus::min, gradus::min_with_index, gradus::minimum,
    gradus::mish, gradus::movedim, gradus::mse_loss, gradus::mul, gradus::multi_margin_loss,
    gradus::multilabel_margin_loss, gradus::multilabel_soft_margin_loss, gradus::multinomial, gradus::mv;
using gradus::nan_to_num, gradus::nansum, gradus::narrow, gradus::neg, gradus::nll_loss, gradus::no_grad,
    gradus::nonzero, gradus::norm, gradus::normal, gradus::normalize, gradus::not_equal_to, gradus::num_threads;
using gradus::on_gradient, gradus::one_hot, gradus::ones, gradus::ones_like, gradus::outer;
using gradus::pad, gradus::pairwise_distance, gradus::pdist, gradus::permutation, gradus::permute, gradus::pinverse,
    gradus::pixel_shuffle, gradus::pixel_unshuffle, gradus::poisson_nll_loss, gradus::pow, gradus::prelu, gradus::prod;
using gradus::qr, gradus::quantile;
using gradus::reciprocal, gradus::relu, gradus::relu6, gradus::remainder, gradus::repeat, gradus::repeat_interleave,
    gradus::requires_grad, gradus::reshape, gradus::rms_norm, gradus::roll, gradus::rot90, gradus::rotary_embedding,
    gradus::round, gradus::rrelu, gradus::rsqrt;
using gradus::scalar, gradus::scale_gradient, gradus::scan, gradus::scatter, gradus::scatter_add,
    gradus::scatter_reduce, gradus::select, gradus::selu, gradus::set_deterministic, gradus::set_gradient,
    gradus::set_num_threads, gradus::set_requires_grad, gradus::sigmoid, gradus::sign, gradus::silu, gradus::sin,
    gradus::sinh, gradus::slice, gradus::slice_assign, gradus::slice_put, gradus::slogdet, gradus::smooth_l1_loss,
    gradus::soft_margin_loss, gradus::softmax, gradus::softmin, gradus::softplus, gradus::softshrink, gradus::softsign,
    gradus::solve, gradus::sort, gradus::spectral, gradus::split, gradus::sqrt, gradus::square, gradus::squeeze,
    gradus::stack, gradus::stddev, gradus::stop_gradient, gradus::sub, gradus::sum, gradus::sum_to, gradus::svd,
    gradus::swapdims;
using gradus::tan, gradus::tanh, gradus::tanhshrink, gradus::tensor, gradus::threshold, gradus::tile, gradus::to,
    gradus::to_string, gradus::topk, gradus::trace, gradus::transpose, gradus::triangular_solve, gradus::tril,
    gradus::triplet_margin_loss, gradus::triu, gradus::trunc, gradus::trunc_divide, gradus::truncated_normal;
using gradus::unbind, gradus::unflatten, gradus::unfold, gradus::uniform, gradus::unique, gradus::unsqueeze;
using gradus::var, gradus::vhp, gradus::view_as, gradus::vjp;
using gradus::where;
using gradus::xlogy;
using gradus::zero_grad, gradus::zeros, gradus::zeros_like;

}  // namespace gradus::prelude
