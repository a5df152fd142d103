from .json import diagnose_json as diagnose_json
from .json import fit_json as fit_json
from .json import recommend_json as recommend_json
from .notebook_renderer import notebook_names as notebook_names
from .notebook_renderer import notebook_path as notebook_path
from .page import render_page as render_page
from .report import Report as Report
