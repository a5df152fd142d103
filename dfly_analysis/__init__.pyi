from .api import analyse as analyse
from .api import compare as compare
from .api import what_if as what_if
from .config import ConfigCheck as ConfigCheck
from .config import Setting as Setting
from .config import Settings as Settings
from .config import check_config as check_config
from .config.helm_values_overlay import Overlay as Overlay
from .dataset import Dataset as Dataset
from .dataset import load as load
from .diagnosis import diagnose as diagnose
from .errors import DflyError as DflyError
from .estimates import Interval as Interval
from .estimates import NotFitted as NotFitted
from .findings import Diagnosis as Diagnosis
from .findings import Evidence as Evidence
from .findings import Finding as Finding
from .models import fit_all as fit_all
from .models import fit_duration as fit_duration
from .recommendation import recommend as recommend
from .recommendation.recommendations import Advice as Advice
from .recommendation.recommendations import NoRecommendation as NoRecommendation
from .recommendation.recommendations import Recommendation as Recommendation
from .reporting import Report as Report
from .simulation import WhatIf as WhatIf
from .simulation import simulate as simulate

__version__: str
