# The .deb, by CPack (scripts/package.sh): libraries, headers and program, compiled for any processor of the architecture.
# Where the builds x86-64-v3 and x86-64-v4 stand beside this one, their libraries go along, and the dynamic loader takes
# those that suit the processor (glibc-hwcaps, glibc 2.33).
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_VENDOR "Gradus")
set(CPACK_PACKAGE_CONTACT "Gradus <gradus@localhost>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# What headers and CMake's targets need beside the libraries that dpkg-shlibdeps finds.
set(CPACK_DEBIAN_PACKAGE_DEPENDS "libeigen3-dev (>= 3.4), libboost-dev (>= 1.74)")
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "libopenblas0-openmp | libopenblas0-pthread, librsvg2-bin, libgtest-dev")
set(CPACK_INSTALL_CMAKE_PROJECTS "${PROJECT_BINARY_DIR};gradus;ALL;/")
foreach(level v3 v4)
  cmake_path(REPLACE_FILENAME PROJECT_BINARY_DIR x86-64-${level} OUTPUT_VARIABLE other)
  if(EXISTS ${other}/cmake_install.cmake AND NOT other STREQUAL PROJECT_BINARY_DIR)
    list(APPEND CPACK_INSTALL_CMAKE_PROJECTS "${other};gradus;gradus_libraries;/")
    list(APPEND CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${other})
  endif()
endforeach()
include(CPack)
