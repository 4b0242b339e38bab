#pragma once

#include "gradus/graph/arg.h"

#include <initializer_list>
#include <span>
#include <string_view>

GRADUS_EXPORT_BEGIN
namespace gradus {

/// Einstein's summation: products of elements with equal indices, summed over those that the result does not name.
///   equation  "ij,jk->ik": an index, a letter, for each dimension of each operand, and for those of the result. An
///             index twice in one operand takes its diagonal; "..." stands for all other dimensions, matched from
///             the last. Without "->" the result has "..." and the letters that occur once, in alphabetical
///             order (capitals first). Spaces don't matter.
///   shapes    dimensions of one index have one size, or 1, which broadcasts
///   cost      two operands at a time by matmul, in the order that takes the fewest multiplications (up to 8 operands;
///             by the smallest results beyond)
///   errors    ArgumentError for an equation that can't be read, or has another number of operands; ShapeError for
///             dimensions that don't fit, or more than 8 of them in a partial result; DTypeError unless all are of one
///             floating dtype
Tensor einsum(std::string_view equation, std::span<const Tensor> operands, CallSite site = CallSite::here());
Tensor einsum(std::string_view equation, std::initializer_list<Tensor> operands, CallSite site = CallSite::here());

}  // namespace gradus
GRADUS_EXPORT_END
