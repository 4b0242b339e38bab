// A program that takes in the whole namespace and has functions called as a namespace or a type of the library might be
// called: what <gradus/gradus.h> brings into it must leave these alone.
#include <gradus/gradus.h>
using namespace gradus;

namespace {
int report(int x) { return x; }
int search(int x) { return x; }
int watch(int x) { return x; }
int inspect(int x) { return x; }
int check(int x) { return x; }
int plot(int x) { return x; }
int record(int x) { return x; }
int replay(int x) { return x; }
int measure(int x) { return x; }
int evaluate(int x) { return x; }
int sample(int x) { return x; }
int tune(int x) { return x; }
int run(int x) { return x; }
int step(int x) { return x; }
}  // namespace

int main() {
  const int sum = report(1) + search(1) + watch(1) + inspect(1) + check(1) + plot(1) + record(1) + replay(1) +
                  measure(1) + evaluate(1) + sample(1) + tune(1) + run(1) + step(1);
  return sum == 14 ? 0 : 1;
}
