// write .kernel instead of .kernel_size
#include <gradus/gradus.h>
using namespace gradus;

nn::Conv2d conv{1, 2, {.kernel_size = 3}};
