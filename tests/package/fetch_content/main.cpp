// A consumer of one room alone.
#include <gradus/tensor.h>

#include <cstdio>

int main() {
  const gradus::Tensor x = gradus::tensor({{1.0, 2.0}, {3.0, 4.0}});
  std::puts(gradus::to_string(x).c_str());
  return x.shape() == gradus::Shape{2, 2} ? 0 : 1;
}
