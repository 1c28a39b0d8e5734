"""When a policy was probed matters to those around it: a new probe of one policy proves edges of its neighbours too."""

from bartizan.api.names import KubeObject
from bartizan.core.model import PolicyKey


