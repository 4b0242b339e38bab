"""A recipe for Conan 2: `conan create .` builds and packs Gradus from this folder."""

import re
from pathlib import Path

from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.cmake import CMake, CMakeDeps, CMakeToolchain, cmake_layout


class Gradus(ConanFile):
    name = "gradus"
    description = "Automatic differentiation on a dynamic computational graph"
    settings = "os", "compiler", "build_type", "arch"
    options = {"shared": [True, False]}
    default_options = {"shared": False}
    exports_sources = "CMakeLists.txt", "cmake/*", "include/*", *(
        f"{room}/*" for room in ("tensor", "kernels", "graph", "inspect", "ops", "autograd", "nn", "exchange", "optim", "data", "train", "report", "testing")
    )

    def set_version(self):
        text = (Path(self.recipe_folder) / "CMakeLists.txt").read_text()
        self.version = re.search(r"project\(gradus VERSION ([0-9.]+)", text).group(1)

    def requirements(self):
        self.requires("eigen/3.4.0", transitive_headers=True)
        self.requires("boost/1.83.0", transitive_headers=True, options={"header_only": True})
        for reference in ("fmt/10.2.1", "nlohmann_json/3.11.3", "zlib/1.3.1", "libpng/1.6.44", "libjpeg/9f"):
            self.requires(reference)

    def validate(self):
        check_min_cppstd(self, 20)

    def layout(self):
        cmake_layout(self)

    def generate(self):
        CMakeDeps(self).generate()
        toolchain = CMakeToolchain(self)
        for part in ("TESTS", "EXAMPLES", "BENCH", "CLI"):
            toolchain.cache_variables[f"GRADUS_BUILD_{part}"] = False
        toolchain.cache_variables["GRADUS_ARCH"] = ""
        toolchain.cache_variables["GRADUS_WITH_DNNL"] = "OFF"
        toolchain.generate()

    def build(self):
        cmake = CMake(self)
        cmake.configure()
        cmake.build()

    def package(self):
        CMake(self).install()

    def package_info(self):
        # The project's own targets, as without Conan.
        self.cpp_info.set_property("cmake_find_mode", "none")
        self.cpp_info.builddirs = ["lib/cmake/gradus"]
