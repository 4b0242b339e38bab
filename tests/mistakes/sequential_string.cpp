// modules, as nn::ReLU{}, and functions of one tensor
#include <gradus/gradus.h>
using namespace gradus;

nn::Sequential net{nn::Linear{2, 3}, "relu", nn::Linear{3, 1}};
