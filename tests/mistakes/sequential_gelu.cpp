// nn::GELU{}
#include <gradus/gradus.h>
using namespace gradus;

nn::Sequential net{nn::Linear{2, 3}, gelu, nn::Linear{3, 1}};
