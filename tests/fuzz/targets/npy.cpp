#include "gradus/data/npy.h"

#include "target.h"
#include "zips.h"

#include "gradus/data/preprocess.h"
#include "gradus/ops/shape.h"

#include <cmath>

namespace gradus::fuzz {
namespace {

std::string npy(const TempFolder& folder, const Tensor& x) {
  data::write_npy(folder.path("seed"), x);
  return data::read_bytes(folder.path("seed"));
}

const Registered kNpy{{
    .name = "npy",
    .file = "x.npy",
    .seeds = [](const TempFolder& folder) -> std::vector<std::string> {
      const std::string array = npy(folder, reshape(arange(12), {3, 4}));
      std::string columns = array;
      columns.replace(columns.find("False"), 5, "True ");
      return {
          array, columns, npy(folder, tensor({0.5, 1.5})), npy(folder, tensor({true, false})), data::gzipped(array)};
    },
    .read = [](const std::string& path) { data::read_npy(path); },
    .per_byte = 10'000,
    .words = {"'descr'", "'fortran_order': True", "'shape': (2, 3)", ">f2", "|u1", "<i8", "(1,)"},
}};

const Registered kMapped{{
    .name = "npy_mapped",
    .file = "mapped.npy",
    .seeds = [](const TempFolder& folder) -> std::vector<std::string> {
      return {npy(folder, reshape(arange(12), {3, 4})), npy(folder, zeros({3}))};
    },
    .read = [](const std::string& path) { clone(data::map_npy(path)); },
    .per_byte = 10'000,
    .words = {"'descr'", "'fortran_order': True", "'shape': (2, 3)", ">f4", "<f8", "<i8", "(1,)"},
}};

const Registered kNpz{{
    .name = "npz",
    .file = "x.npz",
    .seeds = [](const TempFolder& folder) -> std::vector<std::string> {
      const std::string array = npy(folder, reshape(arange(12), {3, 4}));
      data::write_npz(folder.path("seed"), {{"a", arange(3)}, {"b/c", tensor({true, false})}});
      return {data::read_bytes(folder.path("seed")), data::zipped("x.npy", array, array.size())};
    },
    .read = [](const std::string& path) { data::read_npz(path); },
    .per_byte = 10'000,
    .mend = data::mend_zip,
    .words = {"PK\1\2", "PK\3\4", "PK\5\6", "'shape': (2, 3)", ".npy"},
}};

}  // namespace
}  // namespace gradus::fuzz
