#include "gradus/ops/formulas.h"

namespace gradus {
namespace {

// In these texts x, a, b, … are the inputs, y is the result, g its cotangent and ∂x that of x; σ is the sigmoid,
// Φ and φ are the standard normal distribution and its density, Σ runs over the axes reduced, "sum_to"
// sums over what was broadcast, and [c] is 1 where the condition c holds and 0 elsewhere.
constexpr std::string_view kNone = "none";

// clang-format off
constexpr Formula kFormulas[] = {
    // arithmetic
    {"add", "a + b", "g, g"},
    {"sub", "a - b", "g, -g"},
    {"mul", "a b", "g b, g a"},
    {"div", "a / b", "g / b, -g a / b²"},
    {"neg", "-x", "-g"},
    {"add_scalar", "x + c", "g"},
    {"mul_scalar", "x c", "g c"},
    {"div_scalar", "x / c", "g / c"},
    {"sub_from", "c - x", "-g"},
    {"div_into", "c / x", "-g c / x²"},
    {"pow", "a^b", "g b a^(b-1), g y ln a"},
    {"pow_scalar", "x^c", "g c x^(c-1)"},
    {"pow_of", "c^x", "g y ln c"},
    {"maximum", "max(a, b)", "g [a > b], g [b > a]; half each where equal"},
    {"minimum", "min(a, b)", "g [a < b], g [b < a]; half each where equal"},
    {"to", "x in another dtype", "g in the dtype of x"},

    // comparison
    {"equal_to", "a = b", kNone},
    {"equal_to_scalar", "x = c", kNone},
    {"not_equal_to", "a ≠ b", kNone},
    {"not_equal_to_scalar", "x ≠ c", kNone},
    {"less", "a < b", kNone},
    {"less_scalar", "x < c", kNone},
    {"less_equal", "a ≤ b", kNone},
    {"less_equal_scalar", "x ≤ c", kNone},
    {"greater", "a > b", kNone},
    {"greater_scalar", "x > c", kNone},
    {"greater_equal", "a ≥ b", kNone},
    {"greater_equal_scalar", "x ≥ c", kNone},
    {"where", "a where the condition holds, else b", "g [c], g [not c]"},

    // elementwise
    {"exp", "e^x", "g y"},
    {"expm1", "e^x - 1", "g (y + 1)"},
    {"log", "ln x", "g / x"},
    {"log1p", "ln(1 + x)", "g / (1 + x)"},
    {"sqrt", "√x", "g / (2 y)"},
    {"rsqrt", "1 / √x", "-g y³ / 2"},
    {"square", "x²", "2 g x"},
    {"reciprocal", "1 / x", "-g y²"},
    {"abs", "|x|", "g sign x"},
    {"sign", "-1, 0 or 1", "0"},
    {"clamp", "min(max(x, low), high)", "g [low ≤ x ≤ high]"},
    {"clamp_grad", "g [low ≤ x ≤ high]", "the same of its cotangent; 0"},
    {"sin", "sin x", "g cos x"},
    {"cos", "cos x", "-g sin x"},
    {"tanh", "tanh x", "g (1 - y²)"},
    {"tanh_grad", "g (1 - y²)", "u (1 - y²), -2 u g y for its cotangent u"},
    {"sigmoid", "1 / (1 + e^-x)", "g y (1 - y)"},
    {"sigmoid_grad", "g y (1 - y)", "u y (1 - y), u g (1 - 2 y) for its cotangent u"},
    {"softplus", "ln(1 + e^(βx)) / β; x where βx > threshold", "g σ(βx)"},
    {"softplus_grad", "g σ(βx)", "u σ(βx), u g β σ'(βx) for its cotangent u"},
    {"erf", "2/√π ∫₀ˣ e^(-t²) dt", "2 g e^(-x²) / √π"},

    // activations
    {"relu", "max(x, 0)", "g [x > 0]"},
    {"relu_grad", "g [y > 0]", "the same of its cotangent; 0"},
    {"leaky_relu", "x where x > 0, else αx", "g (1 or α)"},
    {"leaky_relu_grad", "g (1 or α)", "the same of its cotangent; 0"},
    {"prelu", "x where x > 0, else wx", "g (1 or w), Σ g x [x ≤ 0]"},
    {"elu", "x where x > 0, else α (e^x - 1)", "g (1 or α e^x)"},
    {"elu_grad", "g (1 or α e^x)", "the same of its cotangent u; u g α e^x [x ≤ 0]"},
    {"maxout", "the greatest of k neighbours", "g for the greatest"},

    // reductions
    {"sum", "Σ x", "g, broadcast"},
    {"mean", "Σ x / n", "g / n, broadcast"},
    {"prod", "Π x", "g times the product of the others"},
    {"max", "the greatest", "g, shared by the greatest"},
    {"min", "the least", "g, shared by the least"},
    {"amax", "the greatest", "g, shared by the greatest"},
    {"amin", "the least", "g, shared by the least"},
    {"argmax", "where the greatest stands first", kNone},
    {"argmin", "where the least stands first", kNone},
    {"max_with_index", "the greatest, and where it stands first", "g there"},
    {"min_with_index", "the least, and where it stands first", "g there"},
    {"var", "Σ (x - m)² / (n - ddof), m the mean", "2 g (x - m) / (n - ddof)"},
    {"stddev", "√var", "g (x - m) / ((n - ddof) y)"},
    {"logsumexp", "ln Σ e^x", "g softmax(x)"},
    {"norm", "(Σ |x|^p)^(1/p)", "g sign(x) (|x| / y)^(p-1)"},
    {"normalize", "x / max(norm, ε)", "(g - y Σ g y) / norm for p = 2"},
    {"any", "some x ≠ 0", kNone},
    {"all", "every x ≠ 0", kNone},
    {"count_nonzero", "how many x ≠ 0", kNone},
    {"cumsum", "y_i = x_1 + … + x_i", "sums of g from the back"},
    {"cumprod", "y_i = x_1 … x_i", "Σ_(j≥i) g_j times the product without x_i"},
    {"linear_recurrence", "y_i = a_i y_(i-1) + b_i", "d_i y_(i-1), d_i = g_i + a_(i+1) d_(i+1)"},
    {"logcumsumexp", "y_i = ln(e^x_1 + … + e^x_i)", "Σ_(j≥i) g_j e^(x_i - y_j)"},
    {"sort", "x in order, and where it stood", "g, put back"},
    {"argsort", "where the sorted stood", kNone},
    {"topk", "the k greatest or least, and where they stand", "g, put back"},
    {"kthvalue", "the k-th least, and where it stands", "g there"},
    {"median", "the lower median, and where it stands", "g there"},
    {"quantile", "between sorted neighbours, linearly", "g, shared by the neighbours"},

    // shape
    {"reshape", "the same elements in another shape", "g, reshaped"},
    {"flatten", "some axes as one", "g, reshaped"},
    {"unflatten", "one axis as several", "g, reshaped"},
    {"transpose", "two axes exchanged", "g, transposed"},
    {"swapdims", "two axes exchanged", "g, transposed"},
    {"permute", "axes in another order", "g in the order before"},
    {"movedim", "axes moved", "g, moved back"},
    {"squeeze", "without axes of size 1", "g, with them"},
    {"unsqueeze", "with an axis of size 1", "g, without it"},
    {"broadcast_to", "repeated along axes of size 1", "g, summed"},
    {"sum_to", "summed to a shape", "g, broadcast"},
    {"flip", "in reverse order", "g, flipped"},
    {"concat", "joined along an axis", "parts of g"},
    {"stack", "joined along a new axis", "parts of g"},
    {"split", "parts along an axis", "g at its place, 0 elsewhere"},
    {"chunk", "equal parts along an axis", "g at its place, 0 elsewhere"},
    {"unbind", "slices along an axis", "g at its place, 0 elsewhere"},
    {"slice", "every step-th from start to stop", "g at its place, 0 elsewhere"},
    {"slice_put", "x in a tensor of zeros", "a slice of g"},
    {"slice_assign", "x with a slice replaced by a", "g outside the slice, g inside it"},
    {"narrow", "n elements from start", "g at its place, 0 elsewhere"},
    {"select", "one slice, without its axis", "g at its place, 0 elsewhere"},
    {"tile", "repeated along axes", "g, summed over the repeats"},
    {"repeat", "repeated along axes", "g, summed over the repeats"},
    {"repeat_interleave", "each element repeated", "g, summed over the repeats"},
    {"roll", "shifted around", "g, shifted back"},
    {"rot90", "turned by quarters", "g, turned back"},
    {"pad", "with a border (constant, reflect, replicate, circular)", "g without it; copies in it added to their source"},
    {"diag", "a vector as a diagonal, or a matrix's diagonal", "the other of g"},
    {"diagonal", "x[i, i + k]", "g on the diagonal"},
    {"diag_embed", "a matrix with x on the diagonal", "the diagonal of g"},
    {"tril", "the part below the diagonal", "that of g"},
    {"triu", "the part above the diagonal", "that of g"},
    {"meshgrid", "coordinates of a grid", "g, summed over the other axes"},

    // index
    {"index_select", "slices i of an axis", "g, added at i"},
    {"index_add", "x with a added at slices i", "g, slices i of g"},
    {"gather", "y[j] = x[i[j]] along an axis", "g, added at i"},
    {"scatter", "x with a written at i", "g but at i, g at i"},
    {"scatter_add", "x with a added at i", "g, g at i"},
    {"index_put", "x with a written at, or added to, places", "g but there (or g), g there"},
    {"index_fill", "x with slices i replaced by a number", "g but there"},
    {"masked_fill", "x, a number where the mask holds", "g [not mask]"},
    {"masked_select", "x where the mask holds, in a row", "g, put back"},
    {"nonzero", "where x ≠ 0", kNone},
    {"one_hot", "1 at the label, 0 elsewhere", kNone},

    // linear algebra
    {"matmul", "A B", "G Bᵀ, Aᵀ G"},
    {"bmm", "A B for each of a batch", "G Bᵀ, Aᵀ G"},
    {"mv", "A b", "g bᵀ, Aᵀ g"},
    {"baddbmm", "β C + α A B for each of a batch", "β G, α G Bᵀ, α Aᵀ G"},
    {"addmm", "β C + α A B", "β G, α G Bᵀ, α Aᵀ G"},
    {"linear", "x Wᵀ + b", "G W, Gᵀ x, Σ G"},
    {"outer", "y_ij = a_i b_j", "G b, Gᵀ a"},
    {"dot", "Σ a b", "g b, g a"},
    {"kron", "blocks a_ij B", "sums with the other factor"},
    {"cross", "a × b", "b × g, g × a"},
    {"trace", "Σ x_ii", "g I"},
    {"einsum", "sums of products over the indices left out", "einsum of g with the other operands"},
    {"det", "det A", "g y A⁻ᵀ"},
    {"slogdet", "sign of det A, and ln |det A|", "g A⁻ᵀ of the second"},
    {"logdet", "ln det A", "g A⁻ᵀ"},
    {"inverse", "A⁻¹", "-Yᵀ G Yᵀ"},
    {"matrix_power", "Aⁿ", "that of the products"},
    {"solve", "A⁻¹ B", "-(A⁻ᵀ G) Yᵀ, A⁻ᵀ G"},
    {"triangular_solve", "A⁻¹ B, A triangular", "the triangle of -(A⁻ᵀ G) Yᵀ, A⁻ᵀ G"},
    {"lstsq", "the X with the least |A X - B|", "through qr"},
    {"pinverse", "the Moore–Penrose inverse", "through svd"},
    {"cholesky", "the lower L with L Lᵀ = A", "L⁻ᵀ Φ(Lᵀ G) L⁻¹, symmetrised; Φ halves the diagonal of the lower triangle (Murray 2016)"},
    {"qr", "Q R = A, R upper", "Walter and Lehmann 2018"},
    {"svd", "U, S, Vᵀ with U S Vᵀ = A", "Townsend 2016"},
    {"eigh", "eigenvalues w and vectors V of a symmetric A", "V (diag g_w + (Vᵀ G_V) / (w_j - w_i)) Vᵀ"},

    // normalisation
    {"batch_norm", "w (x - m) / √(v + ε) + b, m and v over all but axis 1", "w (g - mean g - x̂ mean(g x̂)) / √(v + ε), Σ g x̂, Σ g"},
    {"batch_norm_eval", "w (x - m) / √(v + ε) + b, m and v given", "g w / √(v + ε), Σ g x̂, Σ g"},
    {"softmax", "e^x / Σ e^x", "y (g - Σ g y)"},
    {"log_softmax", "x - ln Σ e^x", "g - e^y Σ g"},

    // losses
    {"cross_entropy", "-Σ t ln softmax(x), weighted and reduced", "g (softmax(x) - t), weighted"},
    {"nll_loss", "-x[label], weighted and reduced", "-g at the label, weighted"},
    {"mse_loss", "(x - t)², reduced", "2 g (x - t)"},
    {"l1_loss", "|x - t|, reduced", "g sign(x - t)"},
    {"bce_with_logits", "-t ln σ(x) - (1 - t) ln σ(-x), reduced", "g (σ(x) - t)"},

    // random
    {"dropout", "x [kept] / (1 - p)", "g [kept] / (1 - p)"},

    // gradients
    {"stop_gradient", "x", kNone},
    {"scale_gradient", "x", "c g"},
    {"clip_gradient", "x", "min(max(g, low), high)"},
    {"clip_gradient_norm", "x", "g min(1, max_norm / |g|)"},
};
// clang-format on

}  // namespace

Formula formula(std::string_view op) {
  for (const Formula& f : kFormulas)
    if (f.name == op) return f;
  return {op, "", ""};
}

}  // namespace gradus
