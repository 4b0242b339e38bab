// The tests of gradus::testing, on an op that Gradus does not have.
#include <gradus/ops.h>
#include <gradus/testing.h>

using namespace gradus;

inline const auto squash = elementwise("squash", [](auto x) { return x / sqrt(1 + x * x); });

GRADUS_TEST_OP(squash, domain(-3, 3));
