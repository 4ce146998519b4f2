"""The LLVM backend: a program as machine code."""

from autograd_mini.compiler.backends.llvm.batch import build_batch
from autograd_mini.compiler.backends.llvm.point import Kernel, build, prepared, rolled, source

__all__ = ["Kernel", "build", "build_batch", "prepared", "rolled", "source"]
