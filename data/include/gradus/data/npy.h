#pragma once

#include "gradus/tensor/tensor.h"

#include <map>
#include <string>

// NumPy's files. A file that is missing, damaged, cut short or longer than it says is an IoError that
// names the file and the place; memory is asked for only once the file has proved to hold that much.

GRADUS_EXPORT_BEGIN
namespace gradus::data {

/// Tensors by name.
using Arrays = std::map<std::string, Tensor>;

/// Reads one array, of any version, byte order and memory order, gzipped or not: float16 and float32
/// as float32, float64, integers of any width as int64, and bool.
Tensor read_npy(const std::string& path, CallSite site = CallSite::here());
/// The same without a copy: a tensor that is the file, whose pages the system reads as they are used and may forget
/// again. A loader reads its rows from the file, so that a pass over one of 64 MiB or more takes the memory of its
/// batches. What is written to the tensor stays in the process. The file may be removed or replaced
/// meanwhile, not cut short in place.
///   errors    IoError, beside those above, for elements that would have to be converted (others than float32, float64
///             and int64, or of the other byte order), for Fortran order of two and more dimensions, and if the file
///             is gzipped
Tensor map_npy(const std::string& path, CallSite site = CallSite::here());
/// Reads the arrays of an archive, stored or deflated, also beyond 4 GiB (zip64). Names have lost their
/// ".npy".
Arrays read_npz(const std::string& path, CallSite site = CallSite::here());

/// Writes one array for `numpy.load`: the file is replaced whole or not at all.
///   errors    IoError
void write_npy(const std::string& path, const Tensor& x, CallSite site = CallSite::here());
/// Writes an archive of arrays (stored; from 4 GiB or 65,535 arrays on as zip64), likewise.
///   errors    IoError; ArgumentError for a name of more than 65,520 bytes
void write_npz(const std::string& path, const Arrays& arrays, CallSite site = CallSite::here());

}  // namespace gradus::data
GRADUS_EXPORT_END
