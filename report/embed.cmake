# cmake -DFILES="a;b" -DOUT=x.cpp -P embed.cmake: the files as strings, looked up by name (src/embedded.h).

set(parts "")
foreach(path IN LISTS FILES)
  cmake_path(GET path FILENAME name)
  file(READ ${path} text)
  string(APPEND parts "    {\"${name}\", R\"~gradus~(${text})~gradus~\"},\n")
endforeach()
file(WRITE ${OUT} "#include \"embedded.h\"

namespace gradus::report {

constexpr Embedded kEmbedded[] = {
${parts}};

std::string_view embedded(std::string_view name) {
  for (const Embedded& file : kEmbedded)
    if (file.name == name) return file.text;
  return {};
}

}  // namespace gradus::report
")
