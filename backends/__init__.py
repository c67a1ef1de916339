"""Triton Python-based backends: ``openvino`` and ``onnxruntime`` for hosts without the native ones, and ``winograd``.

``NAME/model.py`` is what Triton loads. The modules beside it know Triton's configuration and batches but no runtime;
``NAME/keys.py`` reads the runtime's configuration keys and ``NAME/network.py`` runs the model file.
``NAME/`` holds no ``__init__.py``: Triton puts this folder on ``sys.path``, where a package ``openvino`` of ours would
hide the real one.
"""

import limner  # noqa: F401 - first, before anything imports OpenVINO
