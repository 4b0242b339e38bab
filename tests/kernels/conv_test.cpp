#include "numbers.h"

#include <gradus/kernels/conv.h>
#include <gradus/tensor/runtime.h>

namespace gradus::kernels {
namespace {

/// Where in an image the pixel of kernel element k lies for result r along one axis; -1 outside of it.
std::int64_t place(const ConvSizes& s, std::size_t axis, std::int64_t r, std::int64_t k) {
  const std::int64_t at = r * s.stride[axis] + k * s.dilation[axis] - s.low[axis];
  return at >= 0 && at < s.size[axis] ? at : -1;
}

/// f(index in x, in w, in y) for every product of the convolution's definition.
template <class F>
void for_each_product(const ConvSizes& s, F f) {
  const std::int64_t in = s.in / s.groups, out = s.out / s.groups;
  for (std::int64_t n = 0; n < s.batch; ++n)
    for (std::int64_t o = 0; o < s.out; ++o)
      for (std::int64_t c = 0; c < in; ++c)
        for (std::int64_t r = 0; r < volume(s.result); ++r)
          for (std::int64_t k = 0; k < volume(s.kernel); ++k) {
            std::int64_t at = 0, rest_r = volume(s.result), rest_k = volume(s.kernel), left_r = r, left_k = k;
            bool inside = true;
            for (std::size_t axis = 0; axis < 3; ++axis) {
              rest_r /= s.result[axis];
              rest_k /= s.kernel[axis];
              const std::int64_t p = place(s, axis, left_r / rest_r, left_k / rest_k);
              left_r %= rest_r;
              left_k %= rest_k;
              inside = inside && p >= 0;
              at = at * s.size[axis] + p;
            }
            if (!inside) continue;
            const std::int64_t channel = o / out * in + c;
            f((n * s.in + channel) * volume(s.size) + at,
              (o * in + c) * volume(s.kernel) + k,
              (n * s.out + o) * volume(s.result) + r);
          }
}

/// With the result's size filled in.
ConvSizes sized(ConvSizes s) {
  for (std::size_t d = 0; d < 3; ++d)
    s.result[d] = (s.size[d] + s.low[d] + s.high[d] - s.dilation[d] * (s.kernel[d] - 1) - 1) / s.stride[d] + 1;
  return s;
}

const std::vector<ConvSizes> kCases{
    sized({.batch = 2, .in = 3, .out = 4, .rank = 2, .size = {1, 5, 7}, .kernel = {1, 3, 2}}),
    sized({.batch = 3,
           .in = 2,
           .out = 2,
           .rank = 2,
           .size = {1, 6, 5},
           .kernel = {1, 3, 3},
           .stride = {1, 2, 2},
           .low = {0, 1, 1},
           .high = {0, 1, 1}}),
    sized({.batch = 2,
           .in = 4,
           .out = 6,
           .groups = 2,
           .rank = 2,
           .size = {1, 7, 6},
           .kernel = {1, 3, 2},
           .stride = {1, 1, 2},
           .low = {0, 2, 0},
           .high = {0, 2, 0},
           .dilation = {1, 2, 1}}),
    sized({.batch = 2, .in = 16, .out = 8, .rank = 2, .size = {1, 6, 6}, .kernel = {1, 1, 1}}),
    sized({.batch = 2, .in = 3, .out = 2, .rank = 1, .size = {1, 1, 9}, .kernel = {1, 1, 4}}),
    sized({.batch = 1,
           .in = 2,
           .out = 3,
           .rank = 3,
           .size = {4, 3, 5},
           .kernel = {2, 2, 3},
           .low = {1, 0, 1},
           .high = {1, 0, 1}}),
    sized({.batch = 1,
           .in = 2,
           .out = 3,
           .rank = 2,
           .size = {1, 9, 8},
           .kernel = {1, 2, 3},
           .stride = {1, 3, 3},
           .low = {0, 2, 2},
           .high = {0, 2, 2},
           .dilation = {1, 2, 2}}),
    // A channel by itself, more padding than kernel.
    sized({.batch = 2,
           .in = 3,
           .out = 3,
           .groups = 3,
           .rank = 2,
           .size = {1, 4, 4},
           .kernel = {1, 3, 3},
           .low = {0, 4, 4},
           .high = {0, 4, 4}}),
    // More images than conv_weight has parts.
    sized({.batch = 17,
           .in = 4,
           .out = 8,
           .rank = 2,
           .size = {1, 5, 5},
           .kernel = {1, 3, 3},
           .low = {0, 1, 1},
           .high = {0, 1, 1}}),
};

/// Each kernel against the sum of products that defines it.
template <class T>
void compare(const ConvSizes& s, ConvBackend backend, double tolerance) {
  const std::int64_t nx = s.batch * s.in * volume(s.size), nw = s.out * s.in / s.groups * volume(s.kernel),
                     ny = s.batch * s.out * volume(s.result);
  const Numbers x = draw(nx, 1), w = draw(nw, 2), g = draw(ny, 3), bias = draw(s.out, 4);
  Numbers y(at(ny)), dx(at(nx)), dw(at(nw)), db(at(s.out));
  for (std::int64_t i = 0; i < ny; ++i) {
    const std::int64_t o = i / volume(s.result) % s.out;
    y[at(i)] = bias[at(o)];
    db[at(o)] += g[at(i)];
  }
  for_each_product(s, [&](std::int64_t i, std::int64_t j, std::int64_t k) {
    y[at(k)] += x[at(i)] * w[at(j)];
    dx[at(i)] += g[at(k)] * w[at(j)];
    dw[at(j)] += g[at(k)] * x[at(i)];
  });

  const ConvBackendGuard guard(backend);
  const std::vector<T> xs = as<T>(x), ws = as<T>(w), gs = as<T>(g), bs = as<T>(bias);
  std::vector<T> ys(y.size(), T(7)), dxs(dx.size(), T(7)), dws(dw.size(), T(7)), dbs(db.size(), T(7));
  EXPECT_EQ(conv_forward(s, xs.data(), ws.data(), bs.data(), ys.data()), backend);
  EXPECT_EQ(conv_gradients(s, xs.data(), ws.data(), gs.data(), dxs.data(), dws.data(), dbs.data()), backend);
  expect_near(ys, y, tolerance, 0);
  expect_near(dxs, dx, tolerance, 0);
  expect_near(dws, dw, tolerance, 0);
  expect_near(dbs, db, tolerance, 0);
  // Each by itself.
  dxs.assign(dx.size(), T(7));
  dws.assign(dw.size(), T(7));
  EXPECT_EQ(conv_input(s, gs.data(), ws.data(), dxs.data()), backend);
  EXPECT_EQ(conv_weight(s, xs.data(), gs.data(), dws.data()), backend);
  expect_near(dxs, dx, tolerance, 0);
  expect_near(dws, dw, tolerance, 0);
}

TEST(ConvKernels, ColumnsFollowTheDefinition) {
  for (const ConvSizes& s : kCases) {
    compare<float>(s, ConvBackend::columns, 2e-4);
    compare<double>(s, ConvBackend::columns, 1e-12);
  }
}

TEST(ConvKernels, OneDnnFollowsTheDefinition) {
  if (!has_conv_backend(ConvBackend::dnnl)) GTEST_SKIP() << "built without oneDNN";
  for (const ConvSizes& s : kCases) compare<float>(s, ConvBackend::dnnl, 2e-4);
}

/// So many images that oneDNN takes a few at a time.
TEST(ConvKernels, OneDnnTakesManyImages) {
  if (!has_conv_backend(ConvBackend::dnnl)) GTEST_SKIP() << "built without oneDNN";
  const ConvSizes s = sized({.batch = 11,
                             .in = 16,
                             .out = 8,
                             .rank = 2,
                             .size = {1, 64, 64},
                             .kernel = {1, 3, 3},
                             .low = {0, 1, 1},
                             .high = {0, 1, 1}});
  const std::int64_t image = s.in * volume(s.size), result = s.out * volume(s.result), nw = s.out * s.in * 9;
  const auto x = as<float>(draw(s.batch * image, 1)), w = as<float>(draw(nw, 2)),
             g = as<float>(draw(s.batch * result, 3)), bias = as<float>(draw(s.out, 4));
  struct Results {
    std::vector<float> y, dx, dw, db;
  };
  const int threads = num_threads();
  set_num_threads(1);
  const auto compute = [&](ConvBackend backend) {
    const ConvBackendGuard guard(backend);
    Results r{std::vector<float>(g.size()), std::vector<float>(x.size()), std::vector<float>(w.size()), bias};
    EXPECT_EQ(conv_forward(s, x.data(), w.data(), bias.data(), r.y.data()), backend);
    EXPECT_EQ(conv_gradients(s, x.data(), w.data(), g.data(), r.dx.data(), r.dw.data(), r.db.data()), backend);
    return r;
  };
  const Results dnnl = compute(ConvBackend::dnnl), columns = compute(ConvBackend::columns);
  set_num_threads(threads);
  const auto compare = [](const std::vector<float>& a, const std::vector<float>& b, double tolerance) {
    expect_near(a, Numbers(b.begin(), b.end()), tolerance, 0);
  };
  compare(dnnl.y, columns.y, 1e-4);
  compare(dnnl.dx, columns.dx, 1e-4);
  compare(dnnl.dw, columns.dw, 2e-3);  // of sums of some 200
  compare(dnnl.db, columns.db, 0);
}

// One channel a group: more of them for a channel than one, strides beyond the kernel, dilations, padding on one side,
// images smaller and larger than a register, sums longer than a run.
const std::vector<ConvSizes> kDepthwise{
    sized({.batch = 2,
           .in = 3,
           .out = 3,
           .groups = 3,
           .rank = 2,
           .size = {1, 4, 4},
           .kernel = {1, 3, 3},
           .low = {0, 4, 4},
           .high = {0, 4, 4}}),
    sized({.batch = 3,
           .in = 2,
           .out = 6,
           .groups = 2,
           .rank = 2,
           .size = {1, 9, 21},
           .kernel = {1, 2, 4},
           .stride = {1, 3, 2},
           .low = {0, 1, 3},
           .high = {0, 0, 2},
           .dilation = {1, 2, 3}}),
    sized({.batch = 1,
           .in = 2,
           .out = 2,
           .groups = 2,
           .rank = 3,
           .size = {4, 5, 6},
           .kernel = {2, 1, 3},
           .stride = {1, 3, 4},
           .low = {1, 0, 1},
           .high = {1, 0, 1}}),
    sized({.batch = 2,
           .in = 2,
           .out = 4,
           .groups = 2,
           .rank = 1,
           .size = {1, 1, 2500},
           .kernel = {1, 1, 5},
           .low = {0, 0, 4},
           .high = {0, 0, -2}}),
    sized({.batch = 2, .in = 3, .out = 3, .groups = 3, .rank = 2, .size = {1, 3, 3}, .kernel = {1, 3, 3}}),
};

TEST(ConvKernels, DepthwiseFollowsTheDefinition) {
  for (const ConvSizes& s : kDepthwise) {
    compare<float>(s, ConvBackend::depthwise, 2e-4);
    compare<double>(s, ConvBackend::depthwise, 1e-12);
  }
}

TEST(ConvKernels, DepthwiseIsChosenForOneChannelAGroup) {
  const ConvSizes& one = kDepthwise.front();
  const std::vector<float> x(1000), w(1000);
  std::vector<float> y(1000);
  EXPECT_EQ(conv_forward<float>(one, x.data(), w.data(), nullptr, y.data()), ConvBackend::depthwise);
  EXPECT_NE(conv_forward<float>(kCases.front(), x.data(), w.data(), nullptr, y.data()), ConvBackend::depthwise);
}

TEST(ConvKernels, PaddingThatEndsWithinTheImageIsForColumns) {
  const ConvSizes s = sized({.batch = 1,
                             .in = 2,
                             .out = 3,
                             .rank = 1,
                             .size = {1, 1, 6},
                             .kernel = {1, 1, 3},
                             .low = {0, 0, 2},
                             .high = {0, 0, -1}});
  compare<float>(s, ConvBackend::columns, 2e-4);
  const ConvBackendGuard guard(ConvBackend::dnnl);
  const std::vector<float> x(12), w(18);
  std::vector<float> y(static_cast<std::size_t>(3 * volume(s.result)));
  EXPECT_EQ(conv_forward<float>(s, x.data(), w.data(), nullptr, y.data()), ConvBackend::columns);
}

}  // namespace
}  // namespace gradus::kernels
