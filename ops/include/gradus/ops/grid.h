#pragma once

#include "gradus/graph/arg.h"

#include <cstdint>

GRADUS_EXPORT_BEGIN
namespace gradus {

/// How grid_sample reads between elements: the nearest one (halves to even), two, or four neighbours along each axis;
/// weights as interpolate's.
enum class GridMode : std::uint8_t { linear, nearest, cubic };
/// What stands beyond the edges: zeros, the element at the edge, or the image mirrored (at the centres of its outer
/// elements with align_corners, else at their outer edges) as often as it takes.
enum class GridPadding : std::uint8_t { zeros, border, reflection };

struct GridSampleOptions {
  GridMode mode = GridMode::linear;
  GridPadding padding = GridPadding::zeros;
  /// -1 and 1 are the centres of the outer elements, otherwise their outer edges.
  bool align_corners = false;
};

/// Images read at the places of a grid.
///   value     y[n, c, i, j] = image c of sample n at the place (u, v) = grid[n, i, j], u along the last axis. -1 and 1
///             are the ends of an axis of n: u is read at (u + 1) (n - 1) / 2 with align_corners, else at
///             ((u + 1) n - 1) / 2. NaN where the place is
///   shapes    x [N, C, H, W] and grid [N, I, J, 2] give y [N, C, I, J]; x [N, C, D, H, W] and grid [N, I, J, K, 3]
///             give y [N, C, I, J, K], with places (along W, along H, along D)
///   gradient  of x and of the grid, 0 of a grid with nearest, and where padding holds a place at an edge
///   errors    ShapeError if these don't fit or images have no elements; DTypeError unless both are of one floating
///             dtype; ArgumentError for cubic in three dimensions
///   source    Jaderberg et al. 2015, arXiv:1506.02025, section 3.3
Tensor grid_sample(Arg x, const Tensor& grid, const GridSampleOptions& = {});

/// The grid of an affine map: grid_sample(x, affine_grid(theta, x.shape())) reads place p at theta (p, 1).
///   value     grid[n, i, j] = theta[n] (u_j, v_i, 1), with u and v the places of the elements between -1 and 1; 0
///             along an axis of one element
///   shapes    theta [N, 2, 3], size [N, C, H, W], y [N, H, W, 2]; or [N, 3, 4], [N, C, D, H, W], [N, D, H, W, 3]
///   errors    ShapeError if these don't fit; ArgumentError for a size below 1; DTypeError unless theta is floating
///   source    Jaderberg et al. 2015, arXiv:1506.02025, equation 1
Tensor affine_grid(Arg theta, const Shape& size, bool align_corners = false);

}  // namespace gradus
GRADUS_EXPORT_END
