// expected primary-expression
#include <gradus/gradus.h>
using namespace gradus;

nn::Sequential net{nn::Linear{2, 3}, nn::Tanh, nn::Linear{3, 1}};
