from .cache import Cache as Cache
from .completeness import effective_timeouts as effective_timeouts
from .dataset import Dataset as Dataset
from .file_reader import ReadOptions as ReadOptions
from .loader import check_input as check_input
from .loader import inspect_inputs as inspect_inputs
from .loader import load as load
from .prometheus_window import Prometheus as Prometheus
