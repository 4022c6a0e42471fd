"""Kernels in other formats: code for torch, NumPy and JAX from one emitter table a dialect, torch-export, ONNX."""
