#include "activations.h"

#include <gtest/gtest.h>
TEST(A, B) {}
