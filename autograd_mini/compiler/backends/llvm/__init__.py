"""The LLVM backend: a program as machine code."""

from autograd_mini.compiler.backends.llvm.jit import Kernel, build, build_batch, prepared, source

__all__ = ["Kernel", "build", "build_batch", "prepared", "source"]
