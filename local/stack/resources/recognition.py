"""Rekognition Custom Labels projects, in the emulator."""

from __future__ import annotations

from local.stack.resources.base import Created, Resource, ResourceType, names


class Project(ResourceType):
    type_name = "AWS::Rekognition::Project"
    properties = names("ProjectName")

    def create(self, resource: Resource) -> Created:
        name = resource.name("ProjectName", 255)
        project = resource.client("rekognition").create_project(ProjectName=name)
        return Created(name, {"Arn": project["ProjectArn"]})

    def delete(self, resource: Resource) -> None:
        arn = resource.attributes["Arn"]
        resource.client("rekognition").delete_project(ProjectArn=arn)
