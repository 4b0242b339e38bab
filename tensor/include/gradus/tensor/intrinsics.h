#pragma once

/// To be included before Eigen. GCC 12 warns of its own AVX-512 intrinsics, which start from a register that they leave
/// uninitialised on purpose, wherever they are inlined (GCC bug 105593). A warning belongs to the line of the
/// intrinsic, so it is switched off there, and nowhere else.
#if defined(__AVX512F__) && defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 13
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>
#pragma GCC diagnostic pop
#endif
