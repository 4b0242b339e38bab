// Adam
#include <gradus/gradus.h>
using namespace gradus;

optim::Adam adam(std::vector<Parameter>{}, {.learning_rate = 1});
