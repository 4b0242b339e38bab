#pragma once

#include "gradus/data/dataset.h"
#include "gradus/data/loader.h"

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

// Every reader takes plain and gzipped files, told apart by their first bytes. A file that is
// missing, damaged, cut short or longer than it says, a folder in its place, or a name in it that is not
// UTF-8 is an IoError that names the file and the place; memory is asked for only once the file has
// proved to hold that much.

GRADUS_EXPORT_BEGIN
namespace gradus::data {

/// A column of a table: by position (negative counts from the back) or by its name in the header.
class Column {
 public:
  template <std::integral I>
  Column(I position) : value_(static_cast<std::int64_t>(position)) {}
  Column(const char* name) : value_(std::string(name)) {}
  Column(std::string name) : value_(std::move(name)) {}

  /// Null for a column given by name.
  const std::int64_t* position() const { return std::get_if<std::int64_t>(&value_); }
  /// Null for a column given by position.
  const std::string* name() const { return std::get_if<std::string>(&value_); }

 private:
  std::variant<std::int64_t, std::string> value_;
};

/// What the first line of a table is.
enum class CsvHeader : std::uint8_t {
  detect,  // names if no field of it is a number, counts if the next line fits it, else none
  none,    // a row
  names,   // the names of the columns
  counts,  // rows, features and the names of the classes, as in scikit-learn's files
};

struct CsvOptions {
  CsvHeader header = CsvHeader::detect;
  char delimiter = ',';                       // ' ' stands for any run of blanks
  std::optional<Column> label = -1;           // nullopt: every column is a feature, and there are no targets
  bool regression = false;                    // the label is a number to predict, not a class
  std::vector<std::string> class_names = {};  // if given: a label is one of them or its position
  std::vector<std::string> missing = {};      // {"", "?", "NA"}: a feature written so becomes NaN
  std::vector<Column> columns = {};           // that are features; none given: all but the label
  std::vector<Column> skip = {};              // that are neither read nor looked at
  char decimal = '.';                         // or ','
};

/// Reads a table with a row of numbers on each line. Fields may be quoted ("…", also over several
/// lines); empty lines and a byte order mark count for nothing, lines may end as in Windows. Features
/// come in the file's order; `Impute` fills in what is missing. Labels that are all whole numbers from 0
/// to 65535 are classes as they stand; else the classes are the distinct labels in order (whole numbers
/// that int64 holds by value, text by spelling).
///   shapes    inputs float32 [N, features]; targets int64 [N], or for `regression` float32 [N, 1]
///   errors    IoError naming file, line and column for a ragged row, for text where a number
///             belongs, for a number that overflows float32 (what is too small is 0), for a label that is
///             no class, or for a name that is not UTF-8; ArgumentError if there is no such column
Dataset csv(const std::string& path, const CsvOptions& options = {}, CallSite site = CallSite::here());

/// The same rows, read from the file when a loader asks for them: for tables that don't fit in memory. Reads the table
/// once to find errors, classes and the place of one row in every 8 KiB (a three hundredth of the file
/// in memory), and the mean and deviation of each feature.
///   errors    those of `csv`, for a file that is gzipped or no regular file too; from the loader IoError if the file
///             was written to meanwhile
Source csv_source(const std::string& path, const CsvOptions& options = {}, CallSite site = CallSite::here());

/// Reads an IDX file of any of its element types, converted to `dtype`.
///   errors    DTypeError if `dtype` can't hold the file's elements: bool, or int64 for fractions
Tensor read_idx(const std::string& path, DType dtype = float32, CallSite site = CallSite::here());

struct ImageOptions {
  std::int64_t classes = 10;    // labels are less than this; up to 256
  std::int64_t validation = 0;  // rows that move from the end of train to validation, as views
};

/// Reads the four files of MNIST, or of a data set in its form, from a folder:
/// train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte,
/// t10k-labels-idx1-ubyte, each also with ".gz".
///   shapes    inputs [N, 1, H, W] float32 in [0, 1]; targets [N] int64
///   errors    ArgumentError if `classes` or `validation` is out of range
Splits mnist(const std::string& folder, const ImageOptions& options = {}, CallSite site = CallSite::here());

/// Reads CIFAR-10's binary files from a folder: as many of data_batch_1.bin … data_batch_5.bin as
/// are there, test_batch.bin, each also with ".gz", and the names in batches.meta.txt if present.
///   shapes    inputs [N, 3, 32, 32] float32 in [0, 1]; targets [N] int64
///   errors    as for `mnist`
Splits cifar10(const std::string& folder, const ImageOptions& options = {}, CallSite site = CallSite::here());

struct Cifar100Options {
  bool coarse = false;  // 20 classes instead of 100
  std::int64_t validation = 0;
};

/// Reads CIFAR-100's binary files from a folder: train.bin and test.bin, each also with ".gz", and the
/// names in fine_label_names.txt or coarse_label_names.txt if present.
///   shapes    as for `cifar10`
///   errors    as for `cifar10`
Splits cifar100(const std::string& folder, const Cifar100Options& options = {}, CallSite site = CallSite::here());

/// Reads a PNG or JPEG file, told apart by its first bytes, as a viewer shows it: turned as its Exif data
/// say, inks (CMYK) mixed, 16 bits taken for sRGB unless the file says otherwise; bytes behind its end
/// count for nothing. Grey is spread over three channels; for one, colours become ITU-R BT.601's luma
/// 0.299 R + 0.587 G + 0.114 B. What is transparent becomes black.
///   shapes    [channels, H, W] float32 in [0, 1]
///   errors    ArgumentError unless `channels` is 1 or 3
Tensor read_image(const std::string& path, std::int64_t channels = 3, CallSite site = CallSite::here());

struct ImageFolderOptions {
  std::int64_t channels = 3;
  std::int64_t height = 0, width = 0;  // that all are resized to; 0: they are of one size
};

/// Finds the files *.png, *.jpg and *.jpeg in the folders inside a folder: each is a class, in order of
/// names; hidden ones (".…") count for nothing. All are read now.
///   shapes    inputs [N, channels, H, W] float32 in [0, 1]; targets [N] int64
///   errors    IoError for a folder without images, or images of different size; ArgumentError for
///             options out of range
Dataset image_folder(const std::string& folder,
                     const ImageFolderOptions& options = {},
                     CallSite site = CallSite::here());
/// The same rows, each image read when a loader asks for it.
Source image_source(const std::string& folder,
                    const ImageFolderOptions& options = {},
                    CallSite site = CallSite::here());

}  // namespace gradus::data
GRADUS_EXPORT_END
