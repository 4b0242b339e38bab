#include "csv/columns.h"
#include "input_file.h"

#include "gradus/data/readers.h"
#include "gradus/graph/arg.h"

#include <vector>

namespace gradus::data {

Dataset csv(const std::string& path, const CsvOptions& options, CallSite site) {
  return reading("csv", path, site, [&] {
    InputFile file("csv", path);
    CsvRows rows("csv", path, options.delimiter, [&](std::string& line) { return file.read_line(line); });
    CsvReader reader(rows, options);
    std::vector<float> inputs, values;
    std::vector<std::int64_t> ids;
    std::int64_t count = 0;
    for (CsvPlace place; const CsvRow* row = reader.next(place); ++count) {
      inputs.insert(inputs.end(), row->inputs.begin(), row->inputs.end());
      if (options.label && options.regression)
        values.push_back(row->value);
      else if (options.label)
        ids.push_back(row->id);
    }
    Dataset result;
    result.inputs = from_vector(inputs, {count, reader.columns().features()});
    result.feature_names = reader.columns().feature_names(reader.form().names);
    if (options.label && options.regression) {
      result.targets = from_vector(values, {count, 1});
    } else if (options.label) {
      reader.labels().finish();
      for (std::int64_t& id : ids) id = reader.labels().class_of(id);
      result.targets = from_vector(ids);
      result.class_names = reader.labels().names();
    }
    return result;
  });
}

}  // namespace gradus::data
